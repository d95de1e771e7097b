package settings_test

import (
	"os"
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
