package main

import (
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// clock is the time as the product sees it: the machine's, shifted.
type clock struct{ offset atomic.Int64 }

// Now returns the shifted time.
func (c *clock) Now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) shift(d time.Duration) { c.offset.Store(int64(d)) }

// ServeHTTP takes {"offset":"720h"}; the offset is from the machine's time, and
// replaces the one before.
func (c *clock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Offset string `json:"offset"`
	}
	err := json.NewDecoder(io.LimitReader(r.Body, 1024)).Decode(&in)
	d, derr := time.ParseDuration(in.Offset)
	if err != nil || derr != nil {
		http.Error(w, `send {"offset":"720h"}, a duration as Go writes it`, http.StatusUnprocessableEntity)
		return
	}
	c.shift(d)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"offset": d.String(), "now": c.Now().UTC().Format(time.RFC3339Nano)})
}
