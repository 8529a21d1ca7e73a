// Package browser is the verifier as a browser runs it: the engine, which is the Go code of package
// verify compiled to WebAssembly (folders engine and wasm), the worker in which it runs, and what a
// page needs to talk to it. Sites send these files as their own.
//
//	engine.wasm  the engine; docs/adr/0009-wasm.md
//	worker.js    the worker
//	reader.js    a module for pages: new Reader(addresses) takes texts, files and the camera's picture
//
// A page that is to work without a network also needs a service worker and a manifest: [ServiceWorker]
// and [Install].
package browser

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"slices"
)

//go:generate go run ./build

// Files holds the folder static.
//
//go:embed static
var Files embed.FS

//go:embed script
var scripts embed.FS

// Assets are the files of the folder static that the page needs.
var Assets = []string{"reader.js", "worker.js", "engine.wasm"}

// ServiceWorker is the script that keeps a page and its files on the device: files are the addresses
// of all of them, "/" and "/trust" among them, pages are other addresses that show the page.
func ServiceWorker(name string, files, pages []string) ([]byte, error) {
	body, err := scripts.ReadFile("script/sw.js")
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(files)
	if err != nil {
		return nil, err
	}
	if pages == nil {
		pages = []string{}
	}
	others, err := json.Marshal(pages)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(slices.Concat(list, others, body))
	version := hex.EncodeToString(sum[:6])
	head := `"use strict";` + "\nconst VERSION = \"" + version + "\", NAME = \"" + name + "-" + version + "\";\nconst FILES = " + string(list) + ";\nconst PAGES = " + string(others) + ";\n\n"
	return append([]byte(head), body...), nil
}

// Install is what a phone needs to install a page.
type Install struct {
	Name, Short, Description, Lang string
	Icons                          map[string]string // address by size in pixels
}

// Manifest is the web application manifest.
func (i Install) Manifest() ([]byte, error) {
	type icon struct {
		Src     string `json:"src"`
		Sizes   string `json:"sizes"`
		Type    string `json:"type"`
		Purpose string `json:"purpose"`
	}
	var icons []icon
	for _, size := range []string{"192", "512"} {
		for _, purpose := range []string{"any", "maskable"} {
			icons = append(icons, icon{i.Icons[size], size + "x" + size, "image/png", purpose})
		}
	}
	return json.Marshal(map[string]any{
		"name": i.Name, "short_name": i.Short, "description": i.Description, "lang": i.Lang,
		"id": "/", "start_url": "/", "scope": "/", "display": "standalone", "background_color": "#f7f3ea", "theme_color": "#1d6443", "icons": icons,
	})
}
