// Package pdf paints the pages of a PDF in grey, as far as codes need it (ISO 32000-1:2008).
//
//	file, err := pdf.Open(data, pdf.Limits{})
//	page, err := file.Paint(ctx, 0, 200)
//
// # What is read
//
// Cross-reference tables and streams, object streams, and files whose table is broken; files
// encrypted with the empty user password (RC4 and AES, revisions 2 to 6). Filters: Flate, LZW,
// ASCII, run length, fax (Group 3 in one dimension, Group 4), JPEG.
//
// # What is painted
//
// Filled and stroked paths, images, stencils, inline images and forms, in grey, RGB, CMYK, Lab,
// ICC, indexed, separation and DeviceN colours reduced to lightness, with constant alpha and masks
// of images. A pixel is painted when its centre lies in the shape.
//
// # What is not
//
// Text, patterns, shadings, blend modes, annotations, layers (all are shown), JPEG 2000 and JBIG2.
// A clip is the box of its path. A reader that shows pages to people would need all of that; a code
// is drawn with what is here.
//
// # Bounds
//
// Every size is checked before memory is taken, and operators, painted pixels and decoded bytes
// are counted (Limits). Broken input gives an error or a page with less on it, never a panic.
package pdf
