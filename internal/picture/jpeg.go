package picture

import (
	"bytes"
	"encoding/binary"
)

// maxScans bounds the passes over a progressive JPEG. Encoders make about ten;
// a file can hold tens of thousands that cost a second each and a few bytes.
const maxScans = 100

// jpegInfo is what the segments of a JPEG tell without decoding it.
type jpegInfo struct {
	orientation int // EXIF, 1 to 8
	scans       int
	progressive bool
	samples     int64 // of a pixel, of all components, in hundredths
	convert     bool  // the decoder makes another picture of it: RGB, CMYK
}

// memory returns bytes a pixel that decoding takes: one a sample, four more where
// coefficients are kept until the last scan, and four for a converted picture.
func (j jpegInfo) memory() int64 {
	hundredths := j.samples
	if j.progressive {
		hundredths *= 5
	}
	if j.convert {
		hundredths += 400
	}
	return (hundredths + 99) / 100
}

// scanJPEG walks over the segments. It gives up where they end to make sense,
// with what it knows by then: the decoder will not come further.
func scanJPEG(data []byte) jpegInfo {
	info := jpegInfo{orientation: 1, samples: 300}
	for at := 2; at+4 <= len(data); {
		if data[at] != 0xff {
			at++ // the decoder skips such bytes, too
			continue
		}
		marker := data[at+1]
		switch {
		case marker == 0xff: // filling
			at++
			continue
		case marker == 0xd9:
			return info
		case marker == 0 || marker == 1 || 0xd0 <= marker && marker <= 0xd8: // data, or a marker alone
			at += 2
			continue
		}
		size := int(binary.BigEndian.Uint16(data[at+2:]))
		if size < 2 || at+2+size > len(data) {
			return info
		}
		segment := data[at+4 : at+2+size]
		at += 2 + size
		info.note(marker, segment)
		if info.scans > maxScans {
			return info
		}
	}
	return info
}

func (j *jpegInfo) note(marker byte, segment []byte) {
	switch marker {
	case 0xda:
		j.scans++
	case 0xc0, 0xc1, 0xc2:
		j.progressive = j.progressive || marker == 0xc2
		j.samples = samplesOf(segment)
		const componentsAt = 5
		j.convert = j.convert || len(segment) > componentsAt && segment[componentsAt] == 4
	case 0xee:
		const transformAt = 11
		if bytes.HasPrefix(segment, []byte("Adobe")) && len(segment) > transformAt && segment[transformAt] == 0 {
			j.convert = true
		}
	case 0xe1:
		if tiff, ok := bytes.CutPrefix(segment, []byte("Exif\x00\x00")); ok {
			if o := orientationOf(tiff); o != 0 {
				j.orientation = o
			}
		}
	}
}

// samplesOf reads the sampling factors of a frame header.
func samplesOf(frame []byte) int64 {
	const headerSize, componentSize = 6, 3
	if len(frame) < headerSize {
		return 300
	}
	sum, most := int64(0), int64(1)
	for c := frame[headerSize:]; len(c) >= componentSize; c = c[componentSize:] {
		n := int64(c[1]>>4) * int64(c[1]&15)
		sum, most = sum+n, max(most, n)
	}
	return max(sum*100/most, 100)
}

// orientationOf returns tag 0x0112 of the first directory, or 0.
func orientationOf(tiff []byte) int {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(tiff, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(tiff, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return 0
	}
	if len(tiff) < 8 {
		return 0
	}
	at := int64(order.Uint32(tiff[4:]))
	if at < 8 || at+2 > int64(len(tiff)) {
		return 0
	}
	entries := int(order.Uint16(tiff[at:]))
	directory := tiff[at+2:]
	const entrySize, tag, short = 12, 0x0112, 3
	for ; entries > 0 && len(directory) >= entrySize; entries-- {
		e := directory[:entrySize]
		if order.Uint16(e) == tag && order.Uint16(e[2:]) == short && order.Uint32(e[4:]) == 1 {
			if v := int(order.Uint16(e[8:])); 1 <= v && v <= 8 {
				return v
			}
			return 0
		}
		directory = directory[entrySize:]
	}
	return 0
}
