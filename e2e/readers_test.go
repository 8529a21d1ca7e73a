package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"carnet/twoddoc"
)

// TestIndependentReaders renders the certificate that the program makes and reads both codes with
// readers of others, at three resolutions. What they read must be the same bytes, and the bytes
// must hold under the certificate that the program published.
func TestIndependentReaders(t *testing.T) {
	dir := t.TempDir()
	tool(t, program(t), "demo", "--out", dir)
	pdf := filepath.Join(dir, "attestation.pdf")
	var first []byte
	for _, dpi := range []string{"100", "150", "200"} {
		t.Run("ATT-14 both codes are read by independent readers at "+dpi+" dpi", func(t *testing.T) {
			tool(t, "pdftoppm", "-png", "-gray", "-r", dpi, "-f", "1", "-l", "1", pdf, filepath.Join(dir, "page"+dpi))
			pages, err := filepath.Glob(filepath.Join(dir, "page"+dpi+"*.png"))
			if err != nil || len(pages) != 1 {
				t.Fatalf("%v, %v", pages, err)
			}
			left := tool(t, "dmtxread", "-m", "30000", "-N", "1", pages[0])
			right := bytes.TrimSuffix(tool(t, "zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", pages[0]), []byte("\n"))
			other := tool(t, "ZXingReader", "-format", "QRCode", "-bytes", pages[0])
			if !bytes.Equal(right, other) {
				t.Errorf("zbarimg reads %d bytes on the right, ZXingReader %d", len(right), len(other))
			}
			payload, err := twoddoc.FromLink(string(right))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(left, payload) {
				t.Fatalf("dmtxread reads %d bytes on the left, the link on the right holds %d: they differ", len(left), len(payload))
			}
			if first == nil {
				first = left
			}
			if !bytes.Equal(left, first) {
				t.Error("another resolution gave other bytes")
			}
			// ZXingReader finds a DataMatrix near the middle only: the box is cut out.
			x, y, w, h := box(dpi)
			tool(t, "pdftoppm", "-png", "-gray", "-r", dpi, "-x", x, "-y", y, "-W", w, "-H", h, pdf, filepath.Join(dir, "box"+dpi))
			boxes, _ := filepath.Glob(filepath.Join(dir, "box"+dpi+"*.png"))
			if len(boxes) != 1 {
				t.Fatalf("%v", boxes)
			}
			if got := tool(t, "ZXingReader", "-format", "DataMatrix", "-bytes", boxes[0]); !bytes.Equal(got, left) {
				t.Errorf("ZXingReader reads %d bytes on the left, dmtxread %d", len(got), len(left))
			}
		})
	}
	t.Run("ATT-16 what was read verifies, and one byte changed fails", func(t *testing.T) {
		trust := filepath.Join(dir, "trust")
		check := func(payload []byte, code int) []verdict {
			t.Helper()
			path := filepath.Join(t.TempDir(), "payload.txt")
			if err := os.WriteFile(path, append(payload, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			return verify(t, code, "--trust", trust, path)
		}
		if v := check(first, 0); len(v) != 1 || !v[0].Valid {
			t.Errorf("verdict %+v", v)
		}
		at := bytes.Index(first, []byte("L0")) + 2
		for i := at; i < at+7; i++ {
			forged := bytes.Clone(first)
			forged[i] ^= 2
			if v := check(forged, 1); len(v) != 1 || v[0].Valid {
				t.Errorf("byte %d changed: %+v", i, v)
			}
		}
	})
}

// box is the place of the left code, in pixels: 24 to 70 mm from the left, 149 to 195 from the top.
func box(dpi string) (x, y, w, h string) {
	var n float64
	fmt.Sscan(dpi, &n)
	px := func(mm float64) string { return fmt.Sprint(int(mm * n / 25.4)) }
	return px(24), px(149), px(46), px(46)
}

// tool runs a program of others and returns what it prints. A missing one fails the test.
func tool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil && !(strings.HasSuffix(name, "dmtxread") && len(out) > 0) { // it says 1 when it looked for more
		t.Fatalf("%s: %v: %s (scripts/test installs what is needed)", name, err, errOut.String())
	}
	return out
}
