package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"slices"
	"sync"
)

// ref is the number of an indirect object.
type ref int

// writer lays objects one behind the other and remembers where each one starts.
type writer struct {
	buf     []byte
	offsets []int // of object 1, 2, ...; 0 while it is only reserved
}

// header: the comment with four bytes above 127 tells transfer programs that the file is binary.
const header = "%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"

func newWriter() *writer { return &writer{buf: []byte(header)} }

// fork continues a copy of what was written so far, with room for some more bytes and objects.
func (w *writer) fork(spareBytes, spareObjects int) *writer {
	return &writer{
		buf:     append(make([]byte, 0, len(w.buf)+spareBytes), w.buf...),
		offsets: append(make([]int, 0, len(w.offsets)+spareObjects), w.offsets...),
	}
}

// reserve gives out an object number.
func (w *writer) reserve() ref {
	w.offsets = append(w.offsets, 0)
	return ref(len(w.offsets))
}

// begin starts the object with this number; its value follows in w.buf, then end.
func (w *writer) begin(r ref) {
	w.offsets[r-1] = len(w.buf)
	w.int(int(r))
	w.str(" 0 obj\n")
}

func (w *writer) end() { w.str("\nendobj\n") }

func (w *writer) str(s string) { w.buf = append(w.buf, s...) }

func (w *writer) int(n int) { w.buf = appendInt(w.buf, n) }

// ref writes a reference to an object.
func (w *writer) ref(r ref) {
	w.int(int(r))
	w.str(" 0 R")
}

// stream writes a stream object; entries are its dictionary without Length, such as "/N 3".
func (w *writer) stream(r ref, entries string, data []byte) {
	w.begin(r)
	w.str("<<")
	w.str(entries)
	w.str("/Length ")
	w.int(len(data))
	w.str(">>\nstream\n")
	w.buf = append(w.buf, data...)
	w.str("\nendstream")
	w.end()
}

// finish writes the cross-reference table and the trailer.
func (w *writer) finish(root, info ref, id [16]byte) ([]byte, error) {
	if i := slices.Index(w.offsets, 0); i >= 0 {
		return nil, fmt.Errorf("object %d was never written", i+1)
	}
	start := len(w.buf)
	w.str("xref\n0 ")
	w.int(len(w.offsets) + 1)
	w.str("\n0000000000 65535 f \n")
	for _, offset := range w.offsets {
		line := [20]byte{10: ' ', 11: '0', 12: '0', 13: '0', 14: '0', 15: '0', 16: ' ', 17: 'n', 18: ' ', 19: '\n'}
		for i := 9; i >= 0; i-- {
			line[i], offset = byte('0'+offset%10), offset/10
		}
		w.buf = append(w.buf, line[:]...)
	}
	w.str("trailer\n<</Size ")
	w.int(len(w.offsets) + 1)
	w.str("/Root ")
	w.ref(root)
	w.str("/Info ")
	w.ref(info)
	w.str("/ID[")
	w.buf = appendHex(w.buf, id[:])
	w.buf = appendHex(w.buf, id[:])
	w.str("]>>\nstartxref\n")
	w.int(start)
	w.str("\n%%EOF\n")
	return w.buf, nil
}

// deflater compresses streams. A compressor is hundreds of kilobytes of tables: they are kept.
type deflater struct {
	level int
	pool  sync.Pool
}

type compressor struct {
	zw  *zlib.Writer
	out bytes.Buffer
}

// deflate hands the compressed bytes to use; they are valid during the call.
func (d *deflater) deflate(data []byte, use func([]byte)) error {
	c, _ := d.pool.Get().(*compressor)
	if c == nil {
		zw, err := zlib.NewWriterLevel(nil, d.level)
		if err != nil {
			return fmt.Errorf("compress: %w", err)
		}
		c = &compressor{zw: zw}
	}
	defer d.pool.Put(c)
	c.out.Reset()
	c.zw.Reset(&c.out)
	if _, err := c.zw.Write(data); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	if err := c.zw.Close(); err != nil {
		return fmt.Errorf("compress: %w", err)
	}
	use(c.out.Bytes())
	return nil
}
