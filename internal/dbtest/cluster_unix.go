//go:build unix

package dbtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// keeper is a shell script that makes and runs a cluster until its standard
// input ends, which it does when this process ends in whatever way, and then
// removes the folder. A signal at the parent's death would do on Linux alone, and
// comes when the thread ends that started the child, not the process.
//
// Nothing of the data is to last, so nothing waits for the disk.
const keeper = `
dir=$1 bin=$2
trap '' INT HUP
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; exit 1; }
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c max_connections=200 \
	-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off \
	>"$dir/postgres.log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server 2>/dev/null
rm -rf "$dir"
`

// startCluster starts a server on a socket in a folder of its own. halt stops it
// and waits until it has gone.
func startCluster(ctx context.Context) (dsn string, halt func(), err error) {
	bin, err := programs()
	if err != nil {
		return "", nil, err
	}
	// The path of a socket has little more than 100 bytes, and TMPDIR may be long
	// or closed to the other user.
	dir, err := os.MkdirTemp("/tmp", "settings-pg-")
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", keeper, "sh", dir, bin) //nolint:gosec // of fixed text
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the tests
	if os.Getuid() == 0 {
		if cmd.SysProcAttr.Credential, err = otherUser(dir); err != nil {
			return "", nil, err
		}
	}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	alive, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(gone)
	}()
	halt = func() {
		_ = alive.Close()
		<-gone
		_ = os.RemoveAll(dir)
	}
	dsn = "host=" + dir + " user=postgres dbname=postgres sslmode=disable"
	if err := await(ctx, dsn, gone); err != nil {
		log, _ := readAll(filepath.Join(dir, "postgres.log"))
		halt()
		return "", nil, fmt.Errorf("start PostgreSQL of %s: %w\n%s%s", bin, err, complaint.String(), log)
	}
	return dsn, halt, nil
}

// await returns when the server takes connections.
func await(ctx context.Context, dsn string, gone <-chan struct{}) error {
	for {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-gone:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// debian is where Debian puts the programs of each version.
var debian = "/usr/lib/postgresql/*/bin"

// programs returns the folder of initdb and postgres: of PATH, or the newest of
// those that Debian keeps out of PATH.
func programs() (string, error) {
	folders, _ := filepath.Glob(debian)
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			folders = append([]string{filepath.Dir(path)}, folders...)
		}
	}
	for _, folder := range folders {
		_, errInit := exec.LookPath(filepath.Join(folder, "initdb"))
		_, errServer := exec.LookPath(filepath.Join(folder, "postgres"))
		if errInit == nil && errServer == nil {
			return folder, nil
		}
	}
	return "", errNoPostgres
}

// version is that of a folder /usr/lib/postgresql/VERSION/bin.
func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

// otherUser gives dir to a user that is not root, as whom PostgreSQL runs.
func otherUser(dir string) (*syscall.Credential, error) {
	var u *user.User
	var err error
	for _, name := range []string{"postgres", "nobody"} {
		if u, err = user.Lookup(name); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func readAll(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // in the folder of the cluster
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, 64<<10))
}
