package dcc

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Dose is one dose of a history.
type Dose struct {
	Product string
	Date    string // YYYY-MM-DD
}

// History is what the numbers of a dose are computed from: all doses up to the one to certify, and
// the first known infection. Numbers that a form states are not used; two certificates of one
// person would disagree.
type History struct {
	Doses     []Dose // in any order; the latest is the one to certify
	Infection string // day of the first positive test, YYYY-MM-DD; "" for none
}

// ErrHistory reports a history without doses, with a date that is none, or with two doses on one
// day.
var ErrHistory = errors.New("dcc: history of doses")

// oneDose are the products of which one dose is a whole course.
var oneDose = []string{"EU/1/20/1525"} // Jcovden

// newNumbers is the day from which boosters after a one-dose course are numbered above it
// (Decision (EU) 2021/2301).
var newNumbers = time.Date(2022, 2, 1, 0, 0, 0, 0, time.UTC)

// Number gives dn and sd of the latest dose under the rules of the day of issue. A course has two
// doses, or one with a one-dose product or after an infection. Boosters after a course of two are
// 3/3, 4/4; after a course of one 2/1, 3/1. For a certificate issued before 1 February 2022 the
// first booster after a course of one is 2/2, the next 3/3.
func (h History) Number(issued time.Time) (dose, doses int, err error) {
	all := slices.Clone(h.Doses)
	slices.SortFunc(all, func(a, b Dose) int { return strings.Compare(a.Date, b.Date) })
	for i, d := range all {
		if _, err := time.Parse(time.DateOnly, d.Date); err != nil || i > 0 && all[i-1].Date == d.Date {
			return 0, 0, ErrHistory
		}
	}
	if h.Infection != "" {
		if _, err := time.Parse(time.DateOnly, h.Infection); err != nil {
			return 0, 0, ErrHistory
		}
	}
	if len(all) == 0 {
		return 0, 0, ErrHistory
	}
	course := 2
	if slices.Contains(oneDose, all[0].Product) || h.Infection != "" && h.Infection < all[0].Date {
		course = 1
	}
	rank := len(all)
	switch {
	case rank <= course:
		return rank, course, nil
	case course == 1 && !issued.Before(newNumbers):
		return rank, 1, nil
	}
	return rank, rank, nil
}
