package pdf

import "encoding/binary"

// srgbProfile returns a minimal ICC display profile (version 2.1, matrix and curves) with the
// primaries of sRGB adapted to D50 and, for its curve, a plain gamma of 2.2.
func srgbProfile() []byte {
	xyz := func(x, y, z float64) []byte {
		b := append([]byte("XYZ "), 0, 0, 0, 0)
		for _, v := range []float64{x, y, z} {
			b = binary.BigEndian.AppendUint32(b, uint32(v*65536+0.5)) // s15Fixed16
		}
		return b
	}
	const name = "sRGB, gamma 2.2"
	desc := append([]byte("desc"), 0, 0, 0, 0)
	desc = binary.BigEndian.AppendUint32(desc, uint32(len(name)+1))
	desc = append(desc, name+"\x00"...)
	desc = append(desc, make([]byte, 4+4+2+1+67)...) // no Unicode, no Macintosh name
	tags := []struct {
		sig  string
		data []byte
	}{
		{"desc", desc},
		{"cprt", []byte("text\x00\x00\x00\x00No copyright, use freely.\x00")},
		{"wtpt", xyz(0.9642, 1, 0.8249)},
		{"rXYZ", xyz(0.43607, 0.22249, 0.01392)},
		{"gXYZ", xyz(0.38515, 0.71687, 0.09708)},
		{"bXYZ", xyz(0.14307, 0.06061, 0.71410)},
		{"rTRC", []byte("curv\x00\x00\x00\x00\x00\x00\x00\x01\x02\x33")}, // 563/256 = 2.2
	}
	const curves = 3
	count := len(tags) + curves - 1
	dir := binary.BigEndian.AppendUint32(nil, uint32(count))
	var data []byte
	base := 128 + 4 + 12*count
	entry := func(sig string, offset, size int) {
		dir = append(dir, sig...)
		dir = binary.BigEndian.AppendUint32(dir, uint32(offset))
		dir = binary.BigEndian.AppendUint32(dir, uint32(size))
	}
	for _, t := range tags {
		offset := base + len(data)
		entry(t.sig, offset, len(t.data))
		if t.sig == "rTRC" { // the three channels share the curve
			entry("gTRC", offset, len(t.data))
			entry("bTRC", offset, len(t.data))
		}
		for data = append(data, t.data...); len(data)%4 != 0; {
			data = append(data, 0)
		}
	}
	head := make([]byte, 128)
	binary.BigEndian.PutUint32(head, uint32(base+len(data)))
	binary.BigEndian.PutUint32(head[8:], 0x02100000)
	copy(head[12:], "mntrRGB XYZ ")
	for i, v := range []uint16{2021, 1, 1, 0, 0, 0} { // creation date: fixed, so are the bytes
		binary.BigEndian.PutUint16(head[24+2*i:], v)
	}
	copy(head[36:], "acsp")
	copy(head[68:], xyz(0.9642, 1, 0.8249)[8:]) // illuminant D50
	return append(append(head, dir...), data...)
}
