package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// memory returns a field of /proc/<pid>/status in MiB.
func (p *process) memory(b *testing.B, field string) float64 {
	b.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		b.Skip("resident memory is read from /proc")
	}
	defer func() { _ = f.Close() }()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), field+":"); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			require.NoError(b, err)
			return kib / 1024
		}
	}
	b.Fatal("no " + field)
	return 0
}

// BenchmarkStart measures the server on an existing database: the time from exec
// to the first 200, and the resident memory 10 s after.
func BenchmarkStart(b *testing.B) {
	bin, data := serverBinary(b), b.TempDir()
	first := startProcess(b, bin, "-data", data, "-demo=false")
	_ = first.stop()
	for b.Loop() {
		p := startProcess(b, bin, "-data", data, "-demo=false")
		b.ReportMetric(float64(p.took.Milliseconds()), "ms/first-200")
		time.Sleep(10 * time.Second)
		b.ReportMetric(p.memory(b, "VmRSS"), "MiB/resident")
		_ = p.stop()
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFlood measures what many sign-ins at once do to the memory: the peak
// minus the idle of a fresh process, and how many were refused.
func BenchmarkFlood(b *testing.B) {
	bin := serverBinary(b)
	for _, n := range []int{200, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			for b.Loop() {
				p := startProcess(b, bin, "-data", b.TempDir(), "-demo=false")
				time.Sleep(2 * time.Second)
				idle := p.memory(b, "VmRSS")
				codes := flood(b.Context(), p.url, n)
				b.ReportMetric(p.memory(b, "VmHWM")-idle, "MiB/peak-idle")
				b.ReportMetric(float64(codes[http.StatusServiceUnavailable]), "refused")
				b.ReportMetric(float64(codes[http.StatusUnauthorized]), "checked")
				b.ReportMetric(float64(codes[0]), "wrong")
				_ = p.stop()
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// flood sends n sign-ins at once, and counts the answers by status; 0 counts
// refusals without Retry-After, and whatever else went wrong.
func flood(ctx context.Context, url string, n int) map[int]int {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}, Timeout: time.Minute}
	var mu sync.Mutex
	codes := map[int]int{}
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			code := signIn(ctx, client, url, i)
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	close(start)
	wg.Wait()
	return codes
}

func signIn(ctx context.Context, client *http.Client, url string, i int) int {
	body := fmt.Sprintf(`{"email":"p%d@example.com","password":"wrong horse 42"}`, i)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/v1/auth/sign-in", strings.NewReader(body))
	if err != nil {
		return 0
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
		return 0
	}
	return resp.StatusCode
}
