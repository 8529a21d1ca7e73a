package main

import (
	"fmt"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints the version that the build stamped, and the compiler.
func (versionCmd) Run(t terminal) error {
	version := "unknown"
	goVersion := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
	}
	_, err := fmt.Fprintln(t.out, "carnet", version, goVersion)
	return err
}
