package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"slices"
)

// method is how the strings or the streams of a file are encrypted.
type method uint8

const (
	plain method = iota
	methodRC4
	methodAES128
	methodAES256
)

// cipherer decrypts a file that opens with the empty user password (ISO 32000-1, 7.6, and
// ISO 32000-2 for revision 6). Such files are common: their permissions are restricted, their
// reading is not.
type cipherer struct {
	key                  []byte
	onStrings, onStreams method
	own                  int // number of the encryption dictionary, whose strings are in clear
}

var padding = []byte("\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A")

// unlock prepares decryption, if the trailer asks for it.
func (f *File) unlock() error {
	v, ok := f.trailer["Encrypt"]
	if !ok || v == nil {
		return nil
	}
	d := f.dict(v)
	if d == nil {
		return ErrPassword
	}
	f.cache = map[int]any{} // the identifier and what else was read so far may be encrypted
	c := &cipherer{}
	if r, ok := v.(ref); ok {
		c.own = r.num
	}
	version, _ := asInt(f.resolve(d["V"]))
	revision, _ := asInt(f.resolve(d["R"]))
	o, _ := f.resolve(d["O"]).(text)
	u, _ := f.resolve(d["U"]).(text)
	if f.resolve(d["Filter"]) != name("Standard") || len(o) < 32 || len(u) < 32 {
		return ErrPassword
	}
	switch version {
	case 1, 2, 3:
		c.onStrings, c.onStreams = methodRC4, methodRC4
	case 4, 5:
		filters := f.dict(d["CF"])
		of := func(k name) method {
			n, _ := f.resolve(d[k]).(name)
			if n == "" || n == "Identity" {
				return plain
			}
			switch f.resolve(f.dict(filters[n])["CFM"]) {
			case name("V2"):
				return methodRC4
			case name("AESV2"):
				return methodAES128
			case name("AESV3"):
				return methodAES256
			}
			return plain
		}
		c.onStrings, c.onStreams = of("StrF"), of("StmF")
	default:
		return ErrPassword
	}
	if revision >= 5 {
		c.key = f.key256(d, u, revision)
	} else {
		c.key = f.key128(d, o, u, version, revision)
	}
	if c.key == nil {
		return ErrPassword
	}
	f.cipher = c
	return nil
}

// key128 derives the file key of revisions 2 to 4 (algorithm 2) and checks it (4 and 5).
func (f *File) key128(d dict, o, u text, version, revision int) []byte {
	n := 5
	if length, ok := asInt(f.resolve(d["Length"])); ok && version > 1 {
		n = length / 8
	} else if version == 4 {
		n = 16
	}
	if n < 5 || n > 16 {
		return nil
	}
	permissions, _ := asInt(f.resolve(d["P"]))
	var id text
	if a, ok := f.resolve(f.trailer["ID"]).(array); ok && len(a) > 0 {
		id, _ = f.resolve(a[0]).(text)
	}
	h := md5.New()
	h.Write(padding)
	h.Write(o[:32])
	h.Write(binary.LittleEndian.AppendUint32(nil, uint32(permissions)))
	h.Write(id)
	if m, ok := f.resolve(d["EncryptMetadata"]).(bool); ok && !m && revision >= 4 {
		h.Write([]byte{255, 255, 255, 255})
	}
	key := h.Sum(nil)
	if revision >= 3 {
		for range 50 {
			s := md5.Sum(key[:n])
			key = s[:]
		}
	}
	key = key[:n]
	var check []byte
	if revision == 2 {
		check = crypted(key, padding)
		if !bytes.Equal(check, u[:32]) {
			return nil
		}
		return key
	}
	s := md5.Sum(append(slices.Clone(padding), id...))
	check = s[:]
	for i := range 20 {
		k := slices.Clone(key)
		for j := range k {
			k[j] ^= byte(i)
		}
		check = crypted(k, check)
	}
	if !bytes.Equal(check, u[:16]) {
		return nil
	}
	return key
}

func crypted(key, data []byte) []byte {
	c, err := rc4.NewCipher(key)
	if err != nil {
		return nil
	}
	out := make([]byte, len(data))
	c.XORKeyStream(out, data)
	return out
}

// key256 unwraps the file key of revisions 5 and 6 (algorithm 2.A).
func (f *File) key256(d dict, u text, revision int) []byte {
	ue, _ := f.resolve(d["UE"]).(text)
	if len(u) < 48 || len(ue) < 32 {
		return nil
	}
	hash := func(salt []byte) []byte {
		if revision == 5 {
			s := sha256.Sum256(salt)
			return s[:]
		}
		return hardened(salt)
	}
	if !bytes.Equal(hash(u[32:40]), u[:32]) {
		return nil
	}
	block, err := aes.NewCipher(hash(u[40:48]))
	if err != nil {
		return nil
	}
	key := make([]byte, 32)
	cipher.NewCBCDecrypter(block, make([]byte, 16)).CryptBlocks(key, ue[:32])
	return key
}

// hardened is algorithm 2.B for the empty password: it ends after 64 rounds or soon after.
func hardened(salt []byte) []byte {
	s := sha256.Sum256(salt)
	k := s[:]
	for i := 0; ; i++ {
		block, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		e := bytes.Repeat(k, 64)
		cipher.NewCBCEncrypter(block, k[16:32]).CryptBlocks(e, e)
		sum := 0
		for _, b := range e[:16] {
			sum += int(b)
		}
		switch sum % 3 {
		case 0:
			s := sha256.Sum256(e)
			k = s[:]
		case 1:
			s := sha512.Sum384(e)
			k = s[:]
		default:
			s := sha512.Sum512(e)
			k = s[:]
		}
		if i >= 63 && int(e[len(e)-1]) <= i-31 {
			return k[:32]
		}
	}
}

// open decrypts one string or stream.
func (c *cipherer) open(m method, id ref, data []byte) []byte {
	key := c.key
	if m == methodRC4 || m == methodAES128 {
		h := md5.New()
		h.Write(key)
		h.Write([]byte{byte(id.num), byte(id.num >> 8), byte(id.num >> 16), byte(id.gen), byte(id.gen >> 8)})
		if m == methodAES128 {
			h.Write([]byte("sAlT"))
		}
		key = h.Sum(nil)[:min(len(c.key)+5, 16)]
	}
	switch m {
	case plain:
		return data
	case methodRC4:
		return crypted(key, data)
	}
	block, err := aes.NewCipher(key)
	if err != nil || len(data) < 32 {
		return nil
	}
	body := slices.Clone(data[16 : len(data)-len(data)%16])
	cipher.NewCBCDecrypter(block, data[:16]).CryptBlocks(body, body)
	if n := int(body[len(body)-1]); n >= 1 && n <= 16 {
		body = body[:len(body)-n]
	}
	return body
}

// strings decrypts every string inside an object.
func (c *cipherer) strings(v any, id ref) any {
	switch o := v.(type) {
	case text:
		return text(c.open(c.onStrings, id, o))
	case array:
		for i := range o {
			o[i] = c.strings(o[i], id)
		}
	case dict:
		for k := range o {
			o[k] = c.strings(o[k], id)
		}
	case *stream:
		c.strings(o.dict, id)
	}
	return v
}

// stream decrypts the bytes of a stream, unless its filters say that it is in clear.
func (c *cipherer) stream(s *stream, filters array) ([]byte, error) {
	if s.dict["Type"] == name("XRef") || slices.Contains(filters, any(name("Crypt"))) {
		return s.raw, nil
	}
	return c.open(c.onStreams, s.id, s.raw), nil
}
