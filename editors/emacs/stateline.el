;;; stateline.el --- Code completion by Stateline, through eglot  -*- lexical-binding: t; -*-

;; Owns who serves Python buffers, and that is all: completion is eglot's, by `completion-at-point'.
;; eglot is part of Emacs since version 29, and a package for 26.3 and later.
;; Load this file, or copy what it says, then `M-x eglot' in a Python buffer.

(require 'eglot)

;; eglot has one server for a buffer. To have a type checker's as well, use lsp-mode; docs/emacs.md.
(add-to-list
 'eglot-server-programs
 ;; Settings go behind :editor, such as :confidence 0.2.
 '((python-mode python-ts-mode) . ("stateline" "lsp" :initializationOptions (:editor "emacs"))))

(provide 'stateline)
;;; stateline.el ends here
