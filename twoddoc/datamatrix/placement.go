package datamatrix

// layout says where the bits of the codewords go in a symbol, borders included.
type layout struct {
	frame []bool   // borders of the regions, and the corner that no codeword reaches
	bits  []uint16 // 8 modules for each codeword, most significant bit first
}

// cell is a place in the mapping matrix, the symbol without its borders.
type cell struct{ row, col int }

// utah is the shape of a codeword, from its lower right module.
var utah = [8]cell{{-2, -2}, {-2, -1}, {-1, -2}, {-1, -1}, {-1, 0}, {0, -2}, {0, -1}, {0, 0}}

// newLayout follows annex F of ISO/IEC 16022.
func newLayout(side, regions, codewords int) layout {
	n := side - 2*regions
	inner := n / regions
	l := layout{frame: frame(side, inner), bits: make([]uint16, 0, codewords*8)}
	module := func(c cell) uint16 {
		row := c.row + c.row/inner*2 + 1
		col := c.col + c.col/inner*2 + 1
		return uint16(row*side + col)
	}
	set := make([]bool, n*n)
	place := func(shape [8]cell) {
		for _, c := range shape {
			set[c.row*n+c.col] = true
			l.bits = append(l.bits, module(c))
		}
	}
	walk := func(at cell) {
		if at.row < 0 || at.col < 0 || at.row >= n || at.col >= n || set[at.row*n+at.col] {
			return
		}
		var shape [8]cell
		for i, d := range utah {
			c := cell{at.row + d.row, at.col + d.col}
			if c.row < 0 {
				c.row, c.col = c.row+n, c.col+4-(n+4)%8
			}
			if c.col < 0 {
				c.row, c.col = c.row+4-(n+4)%8, c.col+n
			}
			shape[i] = c
		}
		place(shape)
	}
	at := cell{4, 0}
	for {
		switch {
		case at == cell{n, 0}:
			place([8]cell{{n - 1, 0}, {n - 1, 1}, {n - 1, 2}, {0, n - 2}, {0, n - 1}, {1, n - 1}, {2, n - 1}, {3, n - 1}})
		case at == cell{n - 2, 0} && n%8 == 4:
			place([8]cell{{n - 3, 0}, {n - 2, 0}, {n - 1, 0}, {0, n - 2}, {0, n - 1}, {1, n - 1}, {2, n - 1}, {3, n - 1}})
		case at == cell{n - 2, 0} && n%4 != 0:
			place([8]cell{{n - 3, 0}, {n - 2, 0}, {n - 1, 0}, {0, n - 4}, {0, n - 3}, {0, n - 2}, {0, n - 1}, {1, n - 1}})
		case at == cell{n + 4, 2} && n%8 == 0:
			place([8]cell{{n - 1, 0}, {n - 1, n - 1}, {0, n - 3}, {0, n - 2}, {0, n - 1}, {1, n - 3}, {1, n - 2}, {1, n - 1}})
		}
		for { // up and to the right
			walk(at)
			at = cell{at.row - 2, at.col + 2}
			if at.row < 0 || at.col >= n {
				break
			}
		}
		at = cell{at.row + 1, at.col + 3}
		for { // down and to the left
			walk(at)
			at = cell{at.row + 2, at.col - 2}
			if at.row >= n || at.col < 0 {
				break
			}
		}
		at = cell{at.row + 3, at.col + 1}
		if at.row >= n && at.col >= n {
			break
		}
	}
	if !set[n*n-1] { // the free corner: dark on its diagonal
		l.frame[module(cell{n - 1, n - 1})] = true
		l.frame[module(cell{n - 2, n - 2})] = true
	}
	return l
}

// frame draws the borders of each region: solid on the left and at the bottom, dashed at the top
// and on the right.
func frame(side, inner int) []bool {
	f := make([]bool, side*side)
	for y := range side {
		for x := range side {
			rx, ry := x%(inner+2), y%(inner+2)
			f[y*side+x] = rx == 0 || ry == inner+1 || ry == 0 && x%2 == 0 || rx == inner+1 && y%2 == 1
		}
	}
	return f
}
