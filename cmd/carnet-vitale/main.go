// Command carnet-vitale is what the browser extension talks to on a professional's workstation: see carnet-vitale --help.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
