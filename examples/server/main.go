// Command server is the whole product on one command: SQLite or PostgreSQL, the
// pages, the API, and a development mailbox in place of real mail.
//
//	go run ./examples/server
//
// The periodic jobs run in River: on PostgreSQL in tables of its own beside the
// product's, shared by all nodes; beside SQLite in the file jobs.db. What ran is
// told by the log, and by /dev/jobs on a developer's machine.
//
// Every flag has an environment variable; see -h. To check an export of the audit
// log against checkpoints that were kept:
//
//	go run ./examples/server audit verify -checkpoints kept.json [-checkpoints newest.json] export.ndjson
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := run
	if len(os.Args) > 1 && os.Args[1] == "audit" {
		command = auditCommand
	}
	err := command(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	switch {
	case err == nil, err == errHelp: //nolint:errorlint // asked for, and not the fault of a command
	default:
		status := 1
		if s, ok := errors.AsType[*statusError](err); ok {
			status = s.status
		}
		if !errors.Is(err, errHelp) {
			fmt.Fprintln(os.Stderr, "server: "+err.Error())
		}
		os.Exit(status)
	}
}

// drain is how long requests under way may take after SIGTERM.
const drain = 20 * time.Second

// settled is when the memory that only starting needs is given back.
const settled = 5 * time.Second

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	c, err := parse(args, getenv, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	// Before anything is opened or written: a port in use must leave no trace.
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is in use; stop what listens there, or choose another with -addr", c.addr)
		}
		return err
	}
	defer listener.Close()
	if err := c.resolve(listener.Addr()); err != nil {
		return err
	}
	srv, err := open(ctx, c, log)
	if err != nil {
		return err
	}
	defer srv.close()
	srv.banner(stdout)

	server := &http.Server{
		Handler:           srv.handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return serve(ctx, server, listener, srv)
}

// serve answers until ctx ends, lets requests under way finish, and stops the
// jobs after them, so that what they queued is still delivered.
func serve(ctx context.Context, server *http.Server, listener net.Listener, srv *server) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	if err := srv.engine.start(ctx, srv.app.Jobs()); err != nil {
		return errors.Join(err, server.Close())
	}
	// What starting and the first run of each job took is not kept for later.
	defer time.AfterFunc(settled, debug.FreeOSMemory).Stop()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	return errors.Join(err, server.Shutdown(draining), srv.engine.stop(draining))
}
