package verify

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Limits on the files that trust, rules and lists are read from.
const (
	maxFile  = 64 << 20
	maxFiles = 20_000
)

// Errors of LoadRules and LoadRevoked.
var (
	ErrNoRules   = errors.New("no business rule could be read")
	ErrNoCountry = errors.New("there are rules of several countries and none was chosen")
	ErrNoList    = errors.New("no list of revoked certificates could be read")
)

// loadFiles reads files and folders, a folder with what lies in it and in its folders. What cannot
// be used is an error when it was named and a warning when it was found in a folder.
func loadFiles(paths []string, use func(path string, data []byte) ([]error, error)) (warnings []error, read int, err error) {
	load := func(path string) error {
		info, err := os.Stat(path)
		if err == nil && info.Size() > maxFile {
			err = fmt.Errorf("%d bytes, at most %d are read", info.Size(), maxFile)
		}
		var data []byte
		if err == nil {
			data, err = os.ReadFile(path)
		}
		if err == nil {
			var problems []error
			problems, err = use(path, data)
			warnings = append(warnings, problems...)
		}
		if err == nil {
			read++
		}
		return err
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return warnings, read, err
		}
		if !info.IsDir() {
			if err := load(path); err != nil {
				return warnings, read, fmt.Errorf("%s: %w", path, err)
			}
			continue
		}
		files, err := below(path)
		if err != nil {
			return warnings, read, err
		}
		for _, f := range files {
			if err := load(f); err != nil && !errors.Is(err, errKeyAlone) {
				warnings = append(warnings, fmt.Errorf("%s: %w", f, err))
			}
		}
	}
	return warnings, read, nil
}

// below lists the files of a folder and of its folders, hidden ones left out, in order.
func below(dir string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		depth := strings.Count(strings.TrimPrefix(path, dir), string(filepath.Separator))
		switch {
		case path != dir && strings.HasPrefix(d.Name(), "."), d.IsDir() && depth > 1:
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir():
			if len(out) == maxFiles {
				return fmt.Errorf("%s: more than %d files", dir, maxFiles)
			}
			out = append(out, path)
		}
		return nil
	})
	// The numbers of files of the French list count: 2 comes before 10. Keys come before what they
	// signed.
	slices.SortStableFunc(out, func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(filepath.Dir(a), filepath.Dir(b)), cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
	return out, err
}

func rank(path string) int {
	if strings.HasSuffix(path, ".pem") {
		return 0
	}
	return 1
}

// LoadRules reads business rules and the value sets that they refer to, from files and folders of
// JSON. Without a country the rules must be of one country only. Warnings are files of folders that
// were left out. The error wraps ErrNoRules or ErrNoCountry, or is that of a file that was named.
func LoadRules(paths []string, country string) (*Rules, []error, error) {
	r := &Rules{Country: strings.ToUpper(country)}
	warnings, _, err := loadFiles(paths, func(_ string, data []byte) ([]error, error) { return nil, r.Add(data) })
	if err != nil {
		return nil, warnings, err
	}
	countries := r.Countries()
	switch {
	case len(countries) == 0:
		return nil, warnings, fmt.Errorf("%s: %w", strings.Join(paths, ", "), ErrNoRules)
	case r.Country == "" && len(countries) > 1:
		return nil, warnings, fmt.Errorf("%w: %s", ErrNoCountry, strings.Join(countries, ", "))
	case r.Country == "":
		r.Country = countries[0]
	}
	return r, warnings, nil
}

// LoadRevoked reads lists of revoked certificates, and the public keys (*.pem) of those who sign
// Carnet's own, from files and folders. The instant decides which batches have expired. Warnings are
// files of folders that were left out. The error wraps ErrNoList, or is that of a file that was named.
func LoadRevoked(paths []string, at time.Time) (*Revoked, []error, error) {
	r := &Revoked{}
	warnings, err := r.Load(paths, at)
	if err == nil && len(r.Facts()) == 0 {
		err = fmt.Errorf("%s: %w", strings.Join(paths, ", "), ErrNoList)
	}
	if err != nil {
		return nil, warnings, err
	}
	return r, warnings, nil
}

// Load reads more lists, see LoadRevoked.
func (r *Revoked) Load(paths []string, at time.Time) (warnings []error, err error) {
	paths = slices.Clone(paths)
	slices.SortStableFunc(paths, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	warnings, _, err = loadFiles(paths, func(path string, data []byte) ([]error, error) {
		return nil, r.Add(filepath.Base(path), data, at)
	})
	return warnings, err
}
