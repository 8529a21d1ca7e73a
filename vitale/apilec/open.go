//go:build apilec

package apilec

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ebitengine/purego"
)

// library is one that was loaded. Names and arguments of its functions: specification vitale.md, section 2.7.
type library struct {
	init   func(path *byte, mode, fault *uint16) uint16
	read   func(wait int16, out *byte, n *uint32, state *int16, fault *uint16) uint16
	finish func(fault *uint16) uint16
}

// Open loads the publisher's library from an absolute path, the only kind that cannot be planted.
func Open(path string) (l Library, err error) {
	if !filepath.IsAbs(path) {
		return nil, errors.New("apilec: the path of the library is not absolute")
	}
	handle, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("apilec: %w", err)
	}
	defer func() {
		if r := recover(); r != nil { // purego tells a missing function by panic
			l, err = nil, fmt.Errorf("apilec: %v", r)
		}
	}()
	var lib library
	purego.RegisterLibFunc(&lib.init, handle, "Hn_Init")
	purego.RegisterLibFunc(&lib.read, handle, "Hn_LectureVitaleDonneesIdentification")
	purego.RegisterLibFunc(&lib.finish, handle, "Hn_Finir")
	return &lib, nil
}

func refusal(call string, result, fault uint16) error {
	if result == 0 {
		return nil
	}
	if fault != 0 {
		result = fault
	}
	return &LibraryError{call, result}
}

func (l *library) Init(config string) error {
	path := append([]byte(config), 0)
	var mode, fault uint16
	return refusal("Hn_Init", l.init(&path[0], &mode, &fault), fault)
}

func (l *library) Identification(wait time.Duration, out []byte) (int, CardState, error) {
	n, state, fault := uint32(len(out)), int16(0), uint16(0)
	err := refusal("Hn_LectureVitaleDonneesIdentification", l.read(int16(wait/time.Second), &out[0], &n, &state, &fault), fault)
	return int(n), CardState(state), err
}

func (l *library) Finish() error {
	var fault uint16
	return refusal("Hn_Finir", l.finish(&fault), fault)
}
