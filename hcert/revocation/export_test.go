package revocation

// ReadUnverified and Index let tests reach what stands behind a signature and inside a filter.
var (
	ReadUnverified = read
	Index          = index
)
