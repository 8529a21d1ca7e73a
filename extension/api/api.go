// Package api is what a page needs to ask for a card: a module of JavaScript and its types, to be served by the page's own site.
// How to use them: docs/vitale.md, "For the integrator".
package api

import "embed"

// Files are carnet-vitale.js and carnet-vitale.d.ts.
//
//go:embed carnet-vitale.js carnet-vitale.d.ts
var Files embed.FS
