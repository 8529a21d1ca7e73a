package release

import (
	"bufio"
	"bytes"
	"io"
)

// CSV is the form of a CSV file. The zero value is that of the real portal's files: semicolons, CRLF, no quotes but
// where they are needed, the names of the API in the header.
type CSV struct {
	Delimiter byte // ';' when zero
	BOM       bool
	Labels    bool // in the header
	QuoteAll  bool
}

// Write writes rows of some columns. It never holds more than one row and its own buffer.
func (f CSV) Write(w io.Writer, columns []*Column, rows func(yield func(int) bool)) error {
	if f.Delimiter == 0 {
		f.Delimiter = ';'
	}
	out := bufio.NewWriterSize(w, 1<<16)
	if f.BOM {
		_, _ = out.WriteString("\ufeff") // the buffer keeps the first error for Flush
	}
	line := make([]byte, 0, 1<<12)
	for i, c := range columns {
		if i > 0 {
			line = append(line, f.Delimiter)
		}
		name := c.Name
		if f.Labels {
			name = c.Label
		}
		line = f.append(line, []byte(name))
	}
	line = append(line, "\r\n"...)
	_, _ = out.Write(line)
	value := make([]byte, 0, 256)
	for row := range rows {
		line = line[:0]
		for i, c := range columns {
			if i > 0 {
				line = append(line, f.Delimiter)
			}
			if c.Type == Text || f.QuoteAll {
				value = c.AppendText(value[:0], row)
				line = f.append(line, value)
			} else {
				line = c.AppendText(line, row) // a number or a date needs no quotes
			}
		}
		line = append(line, "\r\n"...)
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	return out.Flush()
}

func (f CSV) append(line, value []byte) []byte {
	if !f.QuoteAll && bytes.IndexByte(value, f.Delimiter) < 0 && bytes.IndexByte(value, '"') < 0 && bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(line, value...)
	}
	line = append(line, '"')
	for _, b := range value {
		if b == '"' {
			line = append(line, '"')
		}
		line = append(line, b)
	}
	return append(line, '"')
}

// All yields every row of a frame.
func (f *Frame) All() func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range f.Rows {
			if !yield(i) {
				return
			}
		}
	}
}
