set edit:completion:arg-completer[obs] = { |@words|
    var index = (count $words)
    set index = (- $index 1)

    put (env _CLAP_IFS="\n" _CLAP_COMPLETE_INDEX=(to-string $index) _OBS_COMPLETE="elvish" obs -- $@words) | to-lines
}
