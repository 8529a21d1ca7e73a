//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"carnet/internal/pcsc"
	"carnet/internal/sandbox/pcsctest"
	"carnet/vitale"
)

// lockedBuffer is written by the command and read by the test.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestCard changes cards in a virtual reader of a real pcscd, by lines on the input, and reads each.
func TestCard(t *testing.T) {
	d := pcsctest.Start(t)
	in, lines := io.Pipe()
	var out, errOut lockedBuffer
	ctx, stop := context.WithCancel(t.Context())
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, []string{"--lang", "en", "sandbox", "vitale", "--reader", d.Slots[0]}, in, &out, &errOut)
	}()
	reads := func() vitale.Code {
		s, err := pcsc.Open()
		if err != nil {
			return vitale.CodeOf(err)
		}
		defer s.Close()
		if _, err = pcsc.Read(t.Context(), s); err != nil {
			return vitale.CodeOf(err)
		}
		return ""
	}
	for _, step := range []struct {
		line string
		want vitale.Code
	}{{"", ""}, {"out", vitale.NoCard}, {"cps", vitale.NotVitale}, {"vitale1", vitale.Vitale1}, {"none", ""}} {
		if step.line != "" {
			if _, err := io.WriteString(lines, step.line+"\n"); err != nil {
				t.Fatal(err)
			}
		}
		if !pcsctest.Eventually(10*time.Second, func() bool { return reads() == step.want }) {
			t.Errorf("%q: %s; %s%s", step.line, reads(), out.String(), errOut.String())
		}
	}
	if _, err := io.WriteString(lines, "nonsense\n"); err != nil {
		t.Fatal(err)
	}
	stop()
	if got := <-code; got != exitOK || !strings.Contains(out.String(), "CAMILLE FOUGÈRE") {
		t.Error(got, out.String(), errOut.String())
	}
}
