package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aegisrunner/account-settings/fault"
	"github.com/aegisrunner/account-settings/internal/strictjson"
)

type body struct {
	Name  string   `json:"name"`
	Count *int     `json:"count,omitempty"`
	List  []string `json:"list,omitempty"`
	Deep  struct {
		X string `json:"x"`
	} `json:"deep"`
}

func TestDecode(t *testing.T) {
	var b body
	require.NoError(t, strictjson.Decode([]byte(` {"name":"x\"y","count":3,"list":["a","b"],"deep":{"x":"z"}} `), &b))
	require.Equal(t, `x"y`, b.Name)
	require.Equal(t, 3, *b.Count)
	require.Equal(t, "z", b.Deep.X)
	require.NoError(t, strictjson.Decode([]byte(`{}`), &body{}))
}

func TestDecodeRefuses(t *testing.T) {
	for in, want := range map[string]map[string]string{
		`{"Name":"x"}`: {"Name": "unknown_field"}, `{"name":null}`: {"name": "invalid_type"}, `{"name":1}`: {"name": "invalid_type"},
		`{"count":"x"}`: {"count": "invalid_type"}, `{"list":[1]}`: {"list": "invalid_type"}, `{"a":1,"b":null}`: {"a": "unknown_field", "b": "unknown_field"},
		`{"deep":{"x":5}}`: {"deep": "invalid_type"}, `{"count":1.5}`: {"count": "invalid_type"},
	} {
		var f fault.Fields
		require.True(t, errors.As(strictjson.Decode([]byte(in), &body{}), &f), in)
		got := map[string]string{}
		for _, x := range f {
			got[x.Name] = x.Code
		}
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{
		``, `x`, `[]`, `"x"`, `1`, `null`, `{`, `{"name"}`, `{"name":"x"}{}`, `{"name":"x"},`, `{"name":"x","name":"x"}`, `{"deep":{"x":"1","x":"2"}}`,
		`{"name":"\u0000"}`, `{"na\u0000me":"x"}`, "{\"name\":\"\xff\"}", `{"deep":{"y":"z"}}`, `{"list":[[[[[[[[[[]]]]]]]]]]}`, "\ufeff{}",
	} {
		require.ErrorIs(t, strictjson.Decode([]byte(in), &body{}), strictjson.ErrMalformed, "%q", in)
	}
}

// The answer to a body of thousands of unknown fields stays small.
func TestDecodeTellsTheFirstErrors(t *testing.T) {
	many := func(n int, rest string) []byte {
		var b strings.Builder
		b.WriteString("{")
		for i := range n {
			fmt.Fprintf(&b, `"%d%s":0,`, i, strings.Repeat("x", 100))
		}
		return []byte(b.String() + rest + "}")
	}
	for n, want := range map[int]int{19: 20, 20: 20, 21: 20, 5000: 20, 3: 4} {
		var f fault.Fields
		require.ErrorAs(t, strictjson.Decode(many(n, `"name":null`), &body{}), &f)
		require.Len(t, f, want, "%d unknown fields and a null", n)
		require.True(t, strings.HasPrefix(f[0].Name, "0x"), "in the order of the body")
		require.Less(t, len(f.Error()), 4096)
	}
	var b body
	require.ErrorIs(t, strictjson.Decode(many(5000, `"name":`), &b), strictjson.ErrMalformed, "what is behind them is read all the same")
}

// Whatever is accepted reads the same to encoding/json, and survives a round trip.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{}`, `{"name":"x"}`, `{"count":1,"list":["a"]}`, `{"name":"x","name":"y"}`, `{"deep":{"x":"é"}}`, `null`, `{"name":"\ud800"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var ours, theirs body
		if strictjson.Decode(data, &ours) != nil {
			return
		}
		require.NoError(t, json.Unmarshal(data, &theirs))
		require.Equal(t, theirs, ours)
		again, err := json.Marshal(ours)
		require.NoError(t, err)
		var third body
		require.NoError(t, json.Unmarshal(again, &third))
		require.Equal(t, ours.Name, third.Name)
	})
}
