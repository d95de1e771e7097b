// Package httpapi is the JSON API: one table of routes, each thin: decode, call
// one service method, encode.
//
// The table is the single source of the routing, of who may call what, and of
// the OpenAPI document. A route names the permission that its service checks;
// the table derives from the policy of the domain whether a person must be
// signed in and whether a fresh proof is needed, and refuses before it reads a
// body. The services check again.
//
// huma does routing, documents and schemas. Its request validation and error
// constructor are not used: the first echoes values, the second is a process
// global that a host may have set.
package httpapi
