//go:build !windows

package workstation

// SystemRegistry is that of the machine: none.
func SystemRegistry() Registry { return nil }

// number reads a value of the machine's registry, which this system does not have.
func number(bool, string, string) (value uint64, ok bool) { return 0, false }
