package workstation

import (
	"errors"

	"golang.org/x/sys/windows/registry"
)

// SystemRegistry is that of the machine.
func SystemRegistry() Registry { return keys{} }

type keys struct{}

func hive(system bool) registry.Key {
	if system {
		return registry.LOCAL_MACHINE
	}
	return registry.CURRENT_USER
}

func (keys) Set(system bool, key, value string) error {
	k, _, err := registry.CreateKey(hive(system), key, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer k.Close()
	return k.SetStringValue("", value)
}

func (keys) Get(system bool, key string) (string, bool, error) {
	k, err := registry.OpenKey(hive(system), key, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer k.Close()
	value, _, err := k.GetStringValue("")
	if errors.Is(err, registry.ErrNotExist) {
		return "", false, nil
	}
	return value, err == nil, err
}

func (keys) Delete(system bool, key string) error {
	err := registry.DeleteKey(hive(system), key)
	if errors.Is(err, registry.ErrNotExist) {
		return nil
	}
	return err
}

// number reads a value of the machine's registry; ok is false when it is not there.
func number(system bool, key, name string) (value uint64, ok bool) {
	k, err := registry.OpenKey(hive(system), key, registry.QUERY_VALUE)
	if err != nil {
		return 0, false
	}
	defer k.Close()
	value, _, err = k.GetIntegerValue(name)
	return value, err == nil
}
