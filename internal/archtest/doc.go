// Package archtest holds no code of the product, only the tests that keep its
// shape: which package may import which, what library code may not do on its
// own, and how transactions are written. It reads the source tree with
// go/parser, so files behind build constraints are covered as well.
//
// A finding names the file, the rule and its reason. Where a rule has an
// allow-list, an exception is one line there together with its reason; a line
// that is no longer needed fails the test too.
package archtest
