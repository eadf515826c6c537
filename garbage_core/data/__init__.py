"""Tables that ship with the package.

`official_splits.csv` says which photo of TrashNet the authors put into train, val or test; made from the lists
`one-indexed-files-notrash_{train,val,test}.txt` in https://github.com/garythung/trashnet. Only names, no photos.
"""
