package settings_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program of the README is the one of examples/embed, which is compiled.
func TestReadmeProgram(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	embed, err := os.ReadFile("examples/embed/main.go")
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(readme), "```go\n")
	require.True(t, ok)
	require.Less(t, strings.Count(before, "\n"), 25)
	program, _, _ := strings.Cut(rest, "```")
	_, code, ok := strings.Cut(string(embed), "package main")
	require.True(t, ok)
	require.Equal(t, program, "package main"+code)
	words := len(strings.Fields(strings.Replace(string(readme), program, "", 1)))
	require.Less(t, words, 900)
}

// Every test that SECURITY.md names exists.
func TestSecurityNamesRealTests(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	require.NoError(t, err)
	have := map[string]bool{}
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllSubmatch(source, -1) {
			have[string(m[1])] = true
		}
		return err
	})
	require.NoError(t, err)
	named := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 60)
	for _, m := range named {
		require.True(t, have[m[1]], "SECURITY.md names %s, which is no test", m[1])
	}
}
