//go:build race

package network

// mangle overwrites a released buffer, so that a late reader is noticed in tests.
func mangle(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}
