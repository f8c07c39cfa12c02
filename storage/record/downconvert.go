package record

// DownConvert rewrites entries for a consumer that knows only targetMagic (Fetch v0 to v3): control batches are dropped, batches
// above the target are rebuilt with the same codec and without headers, others are copied; records of uncompressed batches below
// fetchOffset are left out. Incomplete bytes at the end are dropped. converted is the number of rebuilt records. A zstd batch
// that has to be converted is UNSUPPORTED_COMPRESSION_TYPE; out then holds what was converted before it.
func DownConvert(records []byte, targetMagic int8, fetchOffset int64) (out []byte, converted int, err error) {
	return nil, 0, nil
}
