package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"carnet/internal/site/ui"
)

// TestPortalAlone publishes on one machine and serves on another that has the releases and the public key alone.
func TestPortalAlone(t *testing.T) {
	register, alone := t.TempDir(), t.TempDir()
	doses := filepath.Join(t.TempDir(), "doses.csv")
	var b strings.Builder
	b.WriteString("rank,day,place\n")
	for i := range 90 {
		fmt.Fprintf(&b, "1,2021-04-%02d,centre\n", 5+i%14)
	}
	if err := os.WriteFile(doses, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"--data", register, "publish", "--doses", doses, "--date", "2021-04-25"}, strings.NewReader(""), &out, &errs); code != 0 {
		t.Fatalf("%d: %s", code, errs.String())
	}
	if err := os.CopyFS(filepath.Join(alone, "releases"), os.DirFS(filepath.Join(register, "releases"))); err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(filepath.Join(register, "trust", "releases.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(alone, "trust"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(alone, "trust", "releases.pem"), public, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(register); err != nil {
		t.Fatal(err)
	}
	say, err := ui.ReadText(texts, "en")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	read, write := io.Pipe()
	ended := make(chan error, 1)
	s := &Settings{Data: alone, Listen: "127.0.0.1", Host: "127.0.0.1"}
	go func() {
		ended <- servePortal(ctx, s, terminal{in: strings.NewReader(""), out: write, err: io.Discard}, say, slog.New(slog.DiscardHandler))
	}()
	line := make([]byte, 1024)
	n, err := read.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimSpace(string(line[:n]))
	address = address[strings.Index(address, "http"):]
	client := &http.Client{Timeout: 10 * time.Second}
	r, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil || r.StatusCode != 200 || !strings.Contains(string(body), `"total_count":1`) {
		t.Errorf("%d %s %v", r.StatusCode, body, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the end: %v", err)
	}
	// It wrote nothing and made neither a store nor a key.
	for _, name := range []string{"carnet.db", "keys", "publication"} {
		if exists(filepath.Join(alone, name)) {
			t.Errorf("the portal made %s", name)
		}
	}
	if err := servePortal(t.Context(), &Settings{Data: t.TempDir(), Listen: "127.0.0.1"}, terminal{out: io.Discard, err: io.Discard}, say, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "carnet publish") {
		t.Errorf("without a release: %v", err)
	}
}
