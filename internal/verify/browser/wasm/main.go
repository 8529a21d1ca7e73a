//go:build wasip1

// Command wasm is the engine of the verifier as a WebAssembly module for browsers: a WASI (preview 1)
// reactor that imports a clock, chance, standard input and standard output, and nothing else that
// does anything. See docs/adr/0009-wasm.md.
package main

import (
	"io"
	"os"

	"carnet/internal/verify/browser/engine"
)

// The module lives as long as the page's worker, which asks one question at a time.
var e engine.Engine

// answer reads a request from the standard input, up to its end, and writes the answer to the
// standard output. It returns 0, or 1 when one of the two failed.
//
//go:wasmexport answer
func answer() int32 {
	request, err := io.ReadAll(io.LimitReader(os.Stdin, engine.MaxFile+4096))
	if err != nil {
		return 1
	}
	if _, err := os.Stdout.Write(e.Answer(request)); err != nil {
		return 1
	}
	return 0
}

func main() {}
