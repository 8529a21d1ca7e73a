package main

import (
	"fmt"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints the version that the build stamped, and the compiler.
func (versionCmd) Run(t terminal) error {
	version, compiler := built()
	_, err := fmt.Fprintln(t.out, "carnet", version, compiler)
	return err
}

// built is the version that the build stamped, and the compiler's.
func built() (version, compiler string) {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version, info.GoVersion
	}
	return "unknown", ""
}
