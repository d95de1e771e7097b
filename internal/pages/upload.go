package pages

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"github.com/aegisrunner/account-settings/accounts"
	"github.com/aegisrunner/account-settings/fault"
)

// maxUpload is the file with what a browser puts around it.
const maxUpload = accounts.MaxPicture + 64<<10

// uploadTime is how long sending a picture may take: few are read at once, and
// a slow sender must not keep others waiting.
const uploadTime = 30 * time.Second

// limitUpload bounds it where the server can.
func limitUpload(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
}

// received is the file of a form, of which nothing has been read yet.
func received(v *visit) *upload {
	limitUpload(v.w)
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxUpload)
	return &upload{r: v.r}
}

// pictureField says what is wrong with a file beside the file.
func pictureField(err error) error {
	switch {
	case errors.Is(err, fault.TooLarge):
		return fault.Fields{{Name: "picture", Code: "picture_too_large", Message: "is over 5 MB or 25 megapixels"}}
	case errors.Is(err, fault.Unsupported):
		return fault.Fields{{Name: "picture", Code: "picture_type", Message: "is not a PNG, JPEG, WebP or GIF file"}}
	}
	return err
}

// upload is the file of the form, as a stream: nothing is kept on disk. It looks
// at the body when it is read first, which is when the person may upload at all.
type upload struct {
	r    *http.Request
	file io.Reader
}

// Read implements [io.Reader].
func (u *upload) Read(p []byte) (int, error) {
	if u.file != nil {
		return u.file.Read(p)
	}
	part, err := u.find()
	if err != nil {
		return 0, err
	}
	n, err := part.Read(p)
	if n == 0 && errors.Is(err, io.EOF) {
		return 0, errNoPicture
	}
	u.file = part
	return n, err
}

func (u *upload) find() (*multipart.Part, error) {
	parts, err := u.r.MultipartReader()
	if err != nil {
		return nil, fault.New(fault.Malformed, "malformed", "pages: not a multipart form")
	}
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, errNoPicture
		}
		if err != nil || part.FormName() == "picture" {
			return part, err
		}
	}
}

var errNoPicture = fault.Fields{{Name: "picture", Code: "required", Message: "choose a file first"}}
