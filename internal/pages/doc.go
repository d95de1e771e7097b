// Package pages draws the product's web pages: signing in and up, and the
// settings. It holds their templates, style sheet, script and icons, and nothing
// that decides: a handler fills a [View] and gives it to [Renderer.Render].
//
// # What it promises
//
// Every page works without a script. There is no inline script or style, so the
// Content-Security-Policy that [Renderer.Render] sends allows neither, and nothing
// is loaded from another host unless the host's own [Config.LogoURL] points
// there. Every word comes from the message catalogue, in the language of the
// person who is signed in, else of the browser. Every value is escaped by
// html/template.
//
// # What a host can change
//
// The prefix under which the pages are mounted, product name and logo, colours
// and radii ([Theme]), links and footer, tabs of its own, and any template or
// block of one ([Config.Templates]).
package pages
