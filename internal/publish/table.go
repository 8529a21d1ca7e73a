package publish

import (
	"fmt"
	"slices"

	"carnet/internal/carnet"
)

// Member is one value of an axis of a table: a class, or a total that is a row like any other.
type Member struct {
	Code, Label string
	Key         string // what it is, the same in every table: "dep:01", "age:80"; "" for the whole
	Parent      int    // index of the total that it is a part of, less than its own; -1 for the whole
	Private     bool   // counted in its totals and never published, as an unknown age
}

// Tree is an axis of a table: classes that add up to totals. Member 0 is the whole.
type Tree struct {
	Name    string // of the column in the doses
	Members []Member
	Leaf    func(value string) int // the member that a value of the cube is counted in
}

// children lists the parts of each member; a member without parts is a leaf.
func (t Tree) children() [][]int {
	out := make([][]int, len(t.Members))
	for i, m := range t.Members {
		if m.Parent >= 0 {
			out[m.Parent] = append(out[m.Parent], i)
		}
	}
	return out
}

// check refuses a tree whose totals would not be the sums of their parts.
func (t Tree) check() error {
	for i, m := range t.Members {
		if i == 0 != (m.Parent < 0) || m.Parent >= i {
			return carnet.E("publish.Tree", carnet.Internal, "publish.tree", fmt.Errorf("%s: member %d (%s) has parent %d", t.Name, i, m.Code, m.Parent))
		}
	}
	return nil
}

// Measure is a count of a table: the doses of some ranks.
type Measure struct {
	Name  string
	Ranks []string
}

// Measures of the published tables. The second dose of a course of one ends it, as "1c" does at once.
var (
	FirstDose = Measure{"1_inj", []string{"1", "1c"}}
	Complete  = Measure{"termine", []string{"2", "1c"}}
	Booster   = Measure{"rappel", []string{"3", "4", "5", "6"}}
)

// Table is one published table before secrecy: for each measure, week and combination of members, how many persons.
// A cell is a combination of members; cell numbers count the last axis fastest.
type Table struct {
	Dataset  string
	Weeks    []string // Sundays, without a gap
	Trees    []Tree
	Measures []Measure
	// Counts and Sums, by measure, hold at week*Cells()+cell the persons of the week and of all weeks up to it.
	Counts, Sums [][]int32
	// Population of each cell, 0 where it is not known.
	Population []int32
}

// Cells is the number of combinations of members.
func (t *Table) Cells() int {
	n := 1
	for _, tree := range t.Trees {
		n *= len(tree.Members)
	}
	return n
}

// strides is how far two neighbours on each axis are apart.
func (t *Table) strides() []int {
	s := make([]int, len(t.Trees))
	n := 1
	for i := len(t.Trees) - 1; i >= 0; i-- {
		s[i] = n
		n *= len(t.Trees[i].Members)
	}
	return s
}

// Members are the members of a cell.
func (t *Table) Members(cell int) []int {
	m := make([]int, len(t.Trees))
	for i := len(t.Trees) - 1; i >= 0; i-- {
		n := len(t.Trees[i].Members)
		m[i] = cell % n
		cell /= n
	}
	return m
}

// private says which cells are never published.
func (t *Table) private() []bool {
	out := make([]bool, t.Cells())
	for c := range out {
		for i, m := range t.Members(c) {
			out[c] = out[c] || t.Trees[i].Members[m].Private
		}
	}
	return out
}

const maxTable = 1 << 26 // values of one measure

// NewTable counts a table from a cube by week and rank. Weeks without a dose between the first and the last are there.
func NewTable(dataset string, cube *Cube, trees []Tree, measures []Measure, population func(members []int) int) (*Table, error) {
	t := &Table{Dataset: dataset, Trees: trees, Measures: measures}
	rolls := []Roll{{From: ByWeek.Name}, {From: ColumnRank}}
	for _, tree := range trees {
		if err := tree.check(); err != nil {
			return nil, err
		}
		rolls = append(rolls, Roll{From: tree.Name})
	}
	small, err := cube.Fold(rolls...)
	if err != nil {
		return nil, err
	}
	if len(small.Axes) == 0 || len(small.Axes[0].Values) == 0 {
		return nil, carnet.E("publish.NewTable", carnet.Invalid, "publish.empty", nil)
	}
	weeks := small.Axes[0].Values
	at := map[string]int{}
	first, err := carnet.ParseDate(weeks[0])
	if err != nil {
		return nil, err
	}
	for d := first; len(t.Weeks) == 0 || t.Weeks[len(t.Weeks)-1] < weeks[len(weeks)-1]; d = d.AddDays(7) {
		at[d.String()] = len(t.Weeks)
		t.Weeks = append(t.Weeks, d.String())
	}
	cells := t.Cells()
	if cells > maxTable/len(t.Weeks) {
		return nil, carnet.E("publish.NewTable", carnet.Invalid, "publish.table", fmt.Errorf("%s: %d cells in %d weeks", dataset, cells, len(t.Weeks)))
	}
	leaves := make([][]int, len(trees))
	for i, tree := range trees {
		for _, v := range small.Axes[2+i].Values {
			leaf := tree.Leaf(v)
			if leaf < 0 || leaf >= len(tree.Members) {
				return nil, &carnet.Error{Op: "publish.NewTable", Kind: carnet.Invalid, Code: "publish.class", Field: tree.Name, Args: map[string]any{"value": v}}
			}
			leaves[i] = append(leaves[i], leaf)
		}
	}
	strides := t.strides()
	for _, m := range measures {
		counts := make([]int32, len(t.Weeks)*cells)
		for j, n := range small.Counts {
			if !slices.Contains(m.Ranks, small.Axes[1].Values[small.Codes[1][j]]) {
				continue
			}
			cell := at[weeks[small.Codes[0][j]]] * cells
			for i := range trees {
				cell += leaves[i][small.Codes[2+i][j]] * strides[i]
			}
			counts[cell] += n
		}
		for i, tree := range trees { // totals, axis by axis: parents come before their parts
			for c := len(counts) - 1; c >= 0; c-- {
				member := c / strides[i] % len(tree.Members)
				if p := tree.Members[member].Parent; p >= 0 && counts[c] != 0 {
					counts[c-(member-p)*strides[i]] += counts[c]
				}
			}
		}
		sums := slices.Clone(counts)
		for c := cells; c < len(sums); c++ {
			sums[c] += sums[c-cells]
		}
		t.Counts, t.Sums = append(t.Counts, counts), append(t.Sums, sums)
	}
	t.Population = make([]int32, cells)
	if population != nil {
		for c := range t.Population {
			t.Population[c] = int32(population(t.Members(c)))
		}
	}
	return t, nil
}
