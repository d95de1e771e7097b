package picture

import "encoding/binary"

// stillWebP returns an animated WebP as a file of its first frame, which is all
// that the decoder understands. Other files it returns as they are; whether the
// frame is sound is for the decoder to say.
func stillWebP(data []byte) []byte {
	const riffHeader, chunkHeader, frameHeader = 12, 8, 16
	for at := riffHeader; at+chunkHeader <= len(data); {
		size := int64(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+chunkHeader:]
		if size > int64(len(body)) {
			return data
		}
		if string(data[at:at+4]) == "ANMF" && size > frameHeader {
			return wrapFrame(body[6:12], body[frameHeader:size])
		}
		at += chunkHeader + int(size+size&1)
	}
	return data
}

// wrapFrame makes a file of the chunks of a frame. dimensions are its width and
// height, each less one and in three bytes, as the header of a file has them.
func wrapFrame(dimensions, chunks []byte) []byte {
	out := []byte("RIFF\x00\x00\x00\x00WEBP")
	if len(chunks) >= 4 && string(chunks[:4]) == "ALPH" {
		const alpha = 1 << 4
		out = append(out, "VP8X\x0a\x00\x00\x00"...)
		out = append(out, alpha, 0, 0, 0)
		out = append(out, dimensions...)
	}
	out = append(out, chunks...)
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}
