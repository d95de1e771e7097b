//go:build unix

package dbtest

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/bunstore"
)

// child makes this test binary start a cluster, tell its folder, and wait.
const child = "SETTINGS_DBTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		s, err := theServer()
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
		folder, _, _ := strings.Cut(strings.TrimPrefix(s.dsn, "host="), " ")
		_, _ = os.Stdout.WriteString(folder + "\n")
		select {}
	}
	Main(m)
}

// However the process ends, the cluster ends with it and leaves nothing behind.
func TestTheClusterEndsWithTheProcess(t *testing.T) {
	if _, err := programs(); skippable(err) {
		t.Skip(err)
	}
	cmd := exec.Command(os.Args[0]) //nolint:gosec // this binary
	cmd.Env = append(os.Environ(), child+"=1", Variable+"=")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	folder, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	folder = strings.TrimSpace(folder)
	require.DirExists(t, folder)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder)
		return errors.Is(err, os.ErrNotExist)
	}, 30*time.Second, 20*time.Millisecond)
}

func TestWithoutPrograms(t *testing.T) {
	defer func(folders string) { debian = folders }(debian)
	debian = t.TempDir() + "/*/bin"
	t.Setenv("PATH", t.TempDir())
	_, err := programs()
	require.ErrorIs(t, err, errNoPostgres)
	require.ErrorContains(t, err, "apt-get install postgresql")
	require.ErrorContains(t, err, Variable)

	t.Setenv("CI", "")
	require.True(t, skippable(err), "left out, with that message")
	t.Setenv("CI", "true")
	require.False(t, skippable(err), "a failure")
	require.False(t, skippable(os.ErrPermission), "a server that does not start is always a failure")
}

func TestEachIsFresh(t *testing.T) {
	for range 2 {
		Each(t, func(t *testing.T, db *bunstore.DB) {
			require.NoError(t, db.Ready(t.Context()))
			_, err := db.Conn(t.Context()).ExecContext(t.Context(),
				`INSERT INTO settings_blobs (name, content_type, data) VALUES (?, ?, ?)`, "a", "", []byte("x"))
			require.NoError(t, err) // its name is unique
		})
	}
}

func TestNamesOfDatabases(t *testing.T) {
	for dsn, want := range map[string]string{
		"host=/tmp user=postgres dbname=postgres":                 "host=/tmp user=postgres dbname=postgres dbname=x",
		"postgres://postgres@/postgres?host=/tmp&sslmode=disable": "postgres://postgres@/x?host=/tmp&sslmode=disable",
		"postgresql://a:b@db:5432/maintenance":                    "postgresql://a:b@db:5432/x",
	} {
		require.Equal(t, want, (&server{dsn: dsn}).of("x"))
	}
}
