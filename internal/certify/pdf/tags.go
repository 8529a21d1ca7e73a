package pdf

// Element is a node of the structure tree: what assistive technology reads, in this order.
// Elements are only read by [Base.Write]; those of a part that never changes may be shared.
type Element struct {
	Type string // standard structure type: "Document", "H1", "P", "Span", "Figure", "Link"
	Lang string // language where it differs from the parent's, such as "en"
	Alt  string // text in place of what is drawn; a Figure must have one
	BBox Rect   // place on the page of a Figure; zero for none
	Link *Link  // the annotation of a Link
	kids []kid

	field ref // the widget of the seal
}

// kid is a child: an element, or a piece of marked content.
type kid struct {
	element *Element
	mark    int
}

// Link is an area of the page that opens an address.
type Link struct {
	Area     Rect
	URI      string // ASCII
	Contents string // what the link is for, in words
}

// Add appends a child and returns it.
func (e *Element) Add(child *Element) *Element {
	e.kids = append(e.kids, kid{element: child})
	return child
}

// Children returns the elements right below e, in reading order.
func (e *Element) Children() []*Element {
	var children []*Element
	for _, k := range e.kids {
		if k.element != nil {
			children = append(children, k.element)
		}
	}
	return children
}

// tree writes structure elements and collects what points back at them.
type tree struct {
	w       *writer
	page    ref
	marks   []ref // element of each piece of marked content
	links   []ref // annotations, in reading order
	parents []ref // element of each annotation
	stray   bool  // an element holds a mark that the page does not have, or has elsewhere
}

// element writes e as object self, and everything below it. The elements right below it get
// consecutive numbers, so that it can name them before they are written.
func (t *tree) element(e *Element, self, parent ref) {
	w := t.w
	annotation := ref(0)
	if e.Link != nil {
		annotation = w.reserve()
		t.links = append(t.links, annotation)
		t.parents = append(t.parents, self)
		t.link(annotation, e.Link, len(t.links))
	}
	if e.field != 0 {
		annotation = e.field
		t.links = append(t.links, annotation)
		t.parents = append(t.parents, self)
	}
	first, count := ref(len(w.offsets)+1), ref(0)
	for _, k := range e.kids {
		switch {
		case k.element != nil:
			w.reserve()
		case k.mark >= len(t.marks) || t.marks[k.mark] != 0:
			t.stray = true
		default:
			t.marks[k.mark] = self
		}
	}
	w.begin(self)
	w.str("<</Type/StructElem/S/")
	w.str(e.Type)
	w.str("/P ")
	w.ref(parent)
	w.str("/Pg ")
	w.ref(t.page)
	if e.Lang != "" {
		w.str("/Lang")
		w.buf = appendText(w.buf, e.Lang)
	}
	if e.Alt != "" {
		w.str("/Alt")
		w.buf = appendText(w.buf, e.Alt)
	}
	if e.BBox != (Rect{}) {
		w.str("/A<</O/Layout/Placement/Block/BBox")
		w.buf = e.BBox.append(w.buf)
		w.str(">>")
	}
	w.str("/K[")
	for i, k := range e.kids {
		if i > 0 {
			w.str(" ")
		}
		if k.element != nil {
			w.ref(first + count)
			count++
		} else {
			w.int(k.mark)
		}
	}
	if annotation != 0 {
		w.str("<</Type/OBJR/Obj ")
		w.ref(annotation)
		w.str("/Pg ")
		w.ref(t.page)
		w.str(">>")
	}
	w.str("]>>")
	w.end()
	next := first
	for _, k := range e.kids {
		if k.element != nil {
			t.element(k.element, next, self)
			next++
		}
	}
}

// link writes a link annotation. Flag 4: it belongs to the printed page too, as PDF/A demands.
func (t *tree) link(self ref, l *Link, key int) {
	w := t.w
	w.begin(self)
	w.str("<</Type/Annot/Subtype/Link/F 4/Border[0 0 0]/Rect")
	w.buf = l.Area.append(w.buf)
	w.str("/StructParent ")
	w.int(key)
	w.str("/P ")
	w.ref(t.page)
	w.str("/Contents")
	w.buf = appendText(w.buf, l.Contents)
	w.str("/A<</S/URI/URI")
	w.buf = appendBytes(w.buf, l.URI)
	w.str(">>>>")
	w.end()
}

// root writes the structure tree: key 0 of the parent tree is the page, 1 and up the annotations.
func (t *tree) root(self ref, document *Element) {
	w := t.w
	top, parents := w.reserve(), w.reserve()
	t.element(document, top, self)
	w.begin(parents)
	w.str("<</Nums[0[")
	for i, r := range t.marks {
		if i > 0 {
			w.str(" ")
		}
		w.ref(r)
	}
	w.str("]")
	for i, r := range t.parents {
		w.str(" ")
		w.int(i + 1)
		w.str(" ")
		w.ref(r)
	}
	w.str("]>>")
	w.end()
	w.begin(self)
	w.str("<</Type/StructTreeRoot/K ")
	w.ref(top)
	w.str("/ParentTree ")
	w.ref(parents)
	w.str("/ParentTreeNextKey ")
	w.int(len(t.parents) + 1)
	w.str(">>")
	w.end()
}
