// Package e2e holds whole journeys on the program as it is built: it starts the binary, drives the
// sites in a real browser, and looks at what is left on the disk.
package e2e
