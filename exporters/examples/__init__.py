"""Exporters to begin with: each module is one pattern, small enough to copy into a plug-in and change.

    single_file         everything in one JSON file
    several_files       a file for each dataset, and a summary
    push                to somebody's API, with a bearer token
    with_media          pictures beside an index of them
    streaming           one JSON file of any size, in little memory
    entry_errors        what one bad entry means for the others
    validated_options   options that are refused before anything is fetched
    cleaning_up         temporary files, and a file made by somebody else's code

They are written as plug-ins are: classes that inherit from nothing, registered by a plug-in's `init(context)`.
"""
