//go:build unix

package main

import (
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// goRun makes a "go run" whose program ends with the test. A signal to "go run"
// alone does not reach what it runs, so both are a group of their own.
func goRun(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("go", append([]string{"run"}, args...)...) //nolint:noctx // the group is ended instead
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Minute
	t.Cleanup(func() {
		if cmd.Process != nil {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
			_ = cmd.Wait()
		}
	})
	return cmd
}
