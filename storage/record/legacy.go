package record

// Positions in a message of magic 0 or 1 (see also batch.go).
const (
	posLegacyCRC        = 12
	posLegacyAttributes = 17
	posLegacyTimestamp  = 18 // magic 1
	posV0KeySize        = 18
	posV1KeySize        = 26
)
