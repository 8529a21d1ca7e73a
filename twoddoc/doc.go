// Package twoddoc reads, verifies, writes and signs 2D-Doc codes (ANTS specification of the
// visible electronic seal, editions 3.1.3 to 3.3.9, C40 form, versions 01 to 04).
package twoddoc
