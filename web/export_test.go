package web

// String returns the name of the Need in the golden matrix.
func (n Need) String() string {
	switch {
	case n.role != "":
		return "session:" + string(n.role)
	case n.loopback:
		return "loopback or scope:" + n.scope
	case n.scope != "":
		return "scope:" + n.scope
	}
	return "public"
}
