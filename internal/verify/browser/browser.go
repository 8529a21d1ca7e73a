// Package browser is the verifier as a browser runs it: the engine, which is the Go code of package
// verify compiled to WebAssembly (folders engine and wasm), the worker in which it runs, and what a
// page needs to talk to it. Sites send these files as their own.
//
//	engine.wasm  the engine; docs/adr/0009-wasm.md
//	worker.js    the worker
//	reader.js    a module for pages: new Reader(addresses) takes texts, files and the camera's picture
package browser

import "embed"

//go:generate go run ./build

// Files holds the folder static.
//
//go:embed static
var Files embed.FS
