package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"

	"github.com/BurntSushi/toml"

	"carnet/internal/carnet"
	"carnet/internal/login"
	"carnet/internal/login/hours"
	"carnet/internal/login/limit"
	"carnet/internal/login/origin"
)

// doorConfig is what the configuration file says about logins besides the profiles of providers:
// how often, from where, when, and which staff.
type doorConfig struct {
	Limits limit.Config  `toml:"limits"`
	Door   door          `toml:"door"`
	Staff  login.Allowed `toml:"staff"`
}

type door struct {
	Proxies    []netip.Prefix        `toml:"proxies"`     // reverse proxies whose X-Forwarded-For counts
	Places     string                `toml:"places"`      // file of networks: prefix,country,label
	Hours      hours.Week            `toml:"hours"`       // vaccination sessions of a place that declares none
	Sessions   map[string]hours.Week `toml:"sessions"`    // those of a place, by its name as it is typed
	CareDigits int                   `toml:"care_digits"` // digits to type from a browser that is not known, or at unusual hours
}

// doorTables are the tables of the file that this is read from.
var doorTables = []string{"limits", "door", "staff"}

// readDoor reads these tables and takes them out of the tree of settings.
func readDoor(path string, tree map[string]any) (doorConfig, error) {
	var c doorConfig
	meta, err := toml.DecodeFile(path, &c)
	if err != nil {
		return c, err
	}
	for _, key := range meta.Undecoded() {
		if slices.Contains(doorTables, key[0]) {
			return c, fmt.Errorf("unknown key %s", key)
		}
	}
	for _, table := range doorTables {
		delete(tree, table)
	}
	limits, err := limit.Defaults().With(c.Limits)
	if err = errors.Join(err, c.Staff.Validate()); err != nil {
		return c, err
	}
	c.Limits = limits
	return c, nil
}

// site gives a site the limits and the proxies of the configuration.
func (c doorConfig) site(s login.SiteConfig) login.SiteConfig {
	s.Limits, s.Proxies = c.Limits, c.Door.Proxies
	return s
}

// calls says how a site asks phones. With no table of networks, those of documentation are known.
func (c doorConfig) calls(service string, professional func(carnet.Private) carnet.ID, log *slog.Logger) (*login.Calls, error) {
	places, err := origin.Sample()
	if c.Door.Places != "" {
		var f *os.File
		if f, err = os.Open(c.Door.Places); err != nil {
			return nil, fmt.Errorf("door.places: %w", err)
		}
		defer f.Close()
		places, err = origin.ReadPlaces(f)
	}
	if err != nil {
		return nil, fmt.Errorf("door.places: %w", err)
	}
	return &login.Calls{Service: service, Professional: professional, CareDigits: c.Door.CareDigits, Hours: c.Door.Hours, PlaceHours: c.Door.Sessions,
		Places: places, Log: log}, nil
}
