package certify

import "embed"

// Migrations holds the tables of this room, one folder per store.
//
//go:embed migrations
var Migrations embed.FS
