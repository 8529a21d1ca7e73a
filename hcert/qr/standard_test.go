package qr_test

import (
	"carnet/hcert/qr"

	"rsc.io/qr/coding"
)

// turns is table 10 of ISO/IEC 18004, i the row and j the column.
func turns(mask, j, i int) bool {
	switch mask {
	case 0:
		return (i+j)%2 == 0
	case 1:
		return i%2 == 0
	case 2:
		return j%3 == 0
	case 3:
		return (i+j)%3 == 0
	case 4:
		return (i/2+j/3)%2 == 0
	case 5:
		return (i*j)%2+(i*j)%3 == 0
	case 6:
		return ((i*j)%2+(i*j)%3)%2 == 0
	}
	return ((i+j)%2+(i*j)%3)%2 == 0
}

// dataModules asks another implementation which modules hold data.
func dataModules(c *qr.Code) func(x, y int) bool {
	plan, err := coding.NewPlan(coding.Version(c.Version), coding.Q, 0)
	return func(x, y int) bool { return err == nil && plan.Pixel[y][x].Role() >= coding.Data }
}

func formatModules(size int) map[[2]int]int {
	m := map[[2]int]int{}
	for i := range 15 {
		x, y := 8, i
		switch {
		case i == 6 || i == 7:
			y++
		case i == 8:
			x, y = 7, 8
		case i > 8:
			x, y = 14-i, 8
		}
		m[[2]int{x, y}] = i
		if i < 8 {
			m[[2]int{size - 1 - i, 8}] = i
		} else {
			m[[2]int{8, size - 15 + i}] = i
		}
	}
	return m
}

func formatBits(l qr.Level, mask int) int {
	data := mask
	if l == qr.Q {
		data += 24
	}
	best := 0
	for code := range 1 << 10 { // the check bits are those that leave no remainder
		r := data<<10 | code
		for i := 14; i >= 10; i-- {
			if r>>i&1 != 0 {
				r ^= 0x537 << (i - 10)
			}
		}
		if r == 0 {
			best = data<<10 | code
		}
	}
	return best ^ 0x5412
}

// slowPenalty is table 11.
func slowPenalty(size int, dark func(x, y int) bool) int {
	p, all := 0, 0
	for _, at := range []func(i, j int) bool{func(i, j int) bool { return dark(j, i) }, func(i, j int) bool { return dark(i, j) }} {
		for i := range size {
			run := 0
			for j := range size {
				if j > 0 && at(i, j) == at(i, j-1) {
					run++
				} else {
					run = 1
				}
				if run == 5 {
					p += 3
				} else if run > 5 {
					p++
				}
			}
			for j := 0; j+11 <= size; j++ {
				s := ""
				for k := range 11 {
					if at(i, j+k) {
						s += "1"
					} else {
						s += "0"
					}
				}
				if s == "10111010000" || s == "00001011101" {
					p += 40
				}
			}
		}
	}
	for y := range size {
		for x := range size {
			if dark(x, y) {
				all++
			}
			if x+1 < size && y+1 < size && dark(x, y) == dark(x+1, y) && dark(x, y) == dark(x, y+1) && dark(x, y) == dark(x+1, y+1) {
				p += 3
			}
		}
	}
	percent := float64(all) * 100 / float64(size*size)
	if percent < 50 {
		percent = 100 - percent
	}
	return p + 10*int((percent-50)/5)
}
