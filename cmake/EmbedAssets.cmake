# Builds status/assets/ into the binary: writes a C file with one array of bytes a file.
# pinhole_embed_assets(OUTPUT) runs again whenever a file changes or is added.
function(pinhole_embed_assets output)
    file(GLOB files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/status/assets/*)
    list(SORT files)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${output}" "-DASSETS=${files}"
                -P ${CMAKE_SOURCE_DIR}/cmake/write_assets.cmake
        DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/write_assets.cmake
        VERBATIM)
endfunction()
