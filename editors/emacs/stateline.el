;;; stateline.el --- Code completion by Stateline, through eglot  -*- lexical-binding: t; -*-

;; Owns who serves buffers of Python, TypeScript and JavaScript, and that is all: completion is
;; eglot's, by `completion-at-point'.
;; eglot is part of Emacs since version 29, and a package for 26.3 and later.
;; Load this file, or copy what it says, then `M-x eglot' in such a buffer.

(require 'eglot)

;; eglot has one server for a buffer. To have a type checker's as well, use lsp-mode; docs/emacs.md.
(add-to-list
 'eglot-server-programs
 ;; Settings go behind :editor, such as :confidence 0.2.
 '((python-mode python-ts-mode
    (js-mode :language-id "javascript")
    (js-ts-mode :language-id "javascript")
    (typescript-mode :language-id "typescript")
    (typescript-ts-mode :language-id "typescript")
    (tsx-ts-mode :language-id "typescriptreact"))
   . ("stateline" "lsp" :initializationOptions (:editor "emacs"))))

(provide 'stateline)
;;; stateline.el ends here
