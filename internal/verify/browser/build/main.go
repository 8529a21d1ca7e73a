// Command build makes static/engine.wasm.gz, the engine of the verifier, from the source of this
// tree; it is what `go generate ./internal/verify/browser` runs. With -check it says whether the file
// is what this source makes, and changes nothing. docs/adr/0009-wasm.md says why the result is in
// the repository.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// From the folder of package browser, in which go generate runs.
const (
	module    = "static/engine.wasm.gz"
	toolchain = "wasm/toolchain.txt" // the version of Go that made the module
)

func main() {
	check := flag.Bool("check", false, "compare, and change nothing")
	flag.Parse()
	run := write
	if *check {
		run = compare
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// build gives the module that a version of Go makes of the source. Nothing of this machine goes into
// it: no path, no version control, no setting of the environment.
func build(version string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "engine")
	if err != nil {
		return nil, err
	}
	out := filepath.Join(dir, "engine.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, "./wasm")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWASM=", "GOFLAGS=", "GOEXPERIMENT=", "CGO_ENABLED=0")
	if version != runtime.Version() {
		cmd.Env = append(cmd.Env, "GOTOOLCHAIN="+version) // fetched as any module is
	}
	cmd.Stderr = os.Stderr
	var b []byte
	if err = cmd.Run(); err == nil {
		b, err = os.ReadFile(out)
	}
	return b, errors.Join(err, os.RemoveAll(dir))
}

func write() error {
	b, err := build(runtime.Version())
	if err != nil {
		return err
	}
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(b)
		err = errors.Join(err, w.Close())
	}
	if err == nil {
		err = os.WriteFile(module, z.Bytes(), 0o644)
	}
	if err == nil {
		err = os.WriteFile(toolchain, []byte(runtime.Version()+"\n"), 0o644)
	}
	fmt.Printf("%s: %d bytes, %d compressed\n", module, len(b), z.Len())
	return err
}

// compare looks at what the file holds, not at how it is compressed.
func compare() error {
	version, err := os.ReadFile(toolchain)
	if err != nil {
		return err
	}
	f, err := os.Open(module)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(z)
	if err != nil {
		return err
	}
	want, err := build(strings.TrimSpace(string(version)))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is not what this source makes: run go generate ./internal/verify/browser and commit it", module)
	}
	return nil
}
