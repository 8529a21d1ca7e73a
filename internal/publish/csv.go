package publish

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"carnet/internal/carnet"
)

const (
	csvBatch  = 1 << 14
	maxFields = 64
)

func openCSV(path string) (*File, error) {
	id, err := identity(path)
	if err != nil {
		return nil, err
	}
	part := Part{Name: id, Read: func(ctx context.Context, columns []string, f func(Batch) error) error {
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(readCSV(ctx, in, columns, nil, f), in.Close())
	}}
	out := &File{close: func() error { return nil }}
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	err = readCSV(context.Background(), in, nil, &out.columns, func(b Batch) error { part.Rows += int64(len(b.Signs)); return nil })
	out.parts = []Part{part}
	return out, errors.Join(err, in.Close())
}

// ReadCSV reads the named columns of a CSV file, compressed or not, separated by the first of ; , and tab that its
// header has. With no column it counts: a batch then has signs only.
func ReadCSV(ctx context.Context, in io.Reader, columns []string, f func(Batch) error) error {
	return readCSV(ctx, in, columns, nil, f)
}

func readCSV(ctx context.Context, in io.Reader, columns []string, all *[]string, f func(Batch) error) error {
	r := bufio.NewReaderSize(in, 1<<16)
	if magic, _ := r.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(r)
		if err != nil {
			return carnet.E("publish.ReadCSV", carnet.Invalid, "publish.csv", err)
		}
		r = bufio.NewReaderSize(z, 1<<16)
	}
	header, _ := r.Peek(1 << 12)
	first, _, _ := strings.Cut(strings.TrimPrefix(string(header), "\ufeff"), "\n")
	if strings.HasPrefix(string(header), "\ufeff") {
		_, _ = r.Discard(3)
	}
	c := csv.NewReader(r)
	c.ReuseRecord = true
	for _, sep := range ";,\t" {
		if strings.ContainsRune(first, sep) {
			c.Comma = sep
			break
		}
	}
	names, err := c.Read()
	if err != nil || len(names) > maxFields {
		return carnet.E("publish.ReadCSV", carnet.Invalid, "publish.csv", fmt.Errorf("header of %d columns: %w", len(names), err))
	}
	if all != nil {
		*all = slices.Clone(names)
	}
	at := make([]int, len(columns))
	for i, name := range columns {
		if at[i] = slices.Index(names, name); at[i] < 0 {
			return missing(name)
		}
	}
	known := make([]map[string]int32, len(columns))
	batch := Batch{Columns: make([]Column, len(columns))}
	for i := range known {
		known[i] = map[string]int32{}
	}
	for {
		record, err := c.Read()
		if err != nil && !errors.Is(err, io.EOF) {
			return carnet.E("publish.ReadCSV", carnet.Invalid, "publish.csv", err)
		}
		if err == nil {
			for i, field := range at {
				n, ok := known[i][record[field]]
				if !ok {
					n = int32(len(batch.Columns[i].Values))
					v := strings.Clone(record[field])
					known[i][v] = n
					batch.Columns[i].Values = append(batch.Columns[i].Values, v)
				}
				batch.Columns[i].Codes = append(batch.Columns[i].Codes, n)
			}
			batch.Signs = append(batch.Signs, 1)
			if len(batch.Signs) < csvBatch {
				continue
			}
		}
		if len(batch.Signs) > 0 {
			if err := errors.Join(ctx.Err(), f(batch)); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
		batch.Signs = batch.Signs[:0]
		for i := range batch.Columns {
			batch.Columns[i].Codes = batch.Columns[i].Codes[:0]
		}
	}
}
